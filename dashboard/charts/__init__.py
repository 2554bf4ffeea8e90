"""The chart room: a table and its numbers in, a Plotly figure out. One theme; the headline stays outside."""
