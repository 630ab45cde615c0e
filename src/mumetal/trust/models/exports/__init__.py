"""A model's promises and gates in other people's formats: CycloneDX ML-BOM, a Markdown card, an MLflow folder."""
