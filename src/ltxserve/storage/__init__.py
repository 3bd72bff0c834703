"""Where finished files live: a folder, an S3 bucket or Supabase; knows no job and no account."""
