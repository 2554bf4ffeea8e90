"""The benchmark: how long a reader waits, beside bare Streamlit pages measured in the same minute.

`make bench` runs it on a demo of 20,000 customers, `make bench CUSTOMERS=1000000` on a big one.
"""
