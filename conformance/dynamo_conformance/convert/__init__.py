"""`dynamo convert`: manifests in the other API version, as the operator itself converts them.

`command.py` is the command line, `file_conversion.py` a file, `converter.py` one document of it.
`value_tracking.py` follows each value through the conversion, `lost_values.py` and `reasons.py`
report what cannot be carried over, `comments.py` and `source_text.py` keep the author's comments
and layout. The conversion itself is `manifest/v1alpha1.py` and `manifest/to_v1alpha1.py`.
"""
