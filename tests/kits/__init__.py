"""The kits for other languages: their own tests, the first test of their READMEs, and kills."""
