"""The tests: unit/ mirrors src/, guards/ holds the rules of the house."""
