"""Statements that ask the warehouse and the marts. SQLAlchemy Core only; no Streamlit."""
