"""The dialect of Lightricks' hosted LTX API: /ltx/v1 answers with the clip, /ltx/v2 with a job."""
