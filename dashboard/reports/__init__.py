"""The weekly pack: the answers of the pages as slides, a workbook or a document, and how they are delivered.

pack        which questions, asked for one reader: the same answers as the pages'
pictures    an answer's chart as plain series, for the charts of office programs
fitting     how much text goes where
slides, workbook, document, image    the writers
"""
