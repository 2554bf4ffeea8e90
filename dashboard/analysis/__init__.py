"""The methods: numpy, scipy and pandas in, frozen result objects out. No SQL, no Streamlit."""
