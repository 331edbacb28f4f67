"""Views of rows: in the terminal, as an HTML page with many rows, or as Markdown.

`sources` reads rows from a saved dataset or generates them. `terminal` prints one row, `page`
writes an HTML page with many, and `samples` writes a Markdown page for one row of each category.
`parts` pairs the texts of both devices, `difference` compares them, and `lexicon` holds the syntax
of each language, by which `lexers` and the page colour a text.

In: rows, as `schema.row_view.RowView`. Out: text, Markdown, HTML. This package knows nothing about
how a row is made, except that `sources` asks `generate` for rows.
"""
