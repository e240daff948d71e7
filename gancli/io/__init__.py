"""Files and images: decoding, resizing, conversion, captions, PNG files, videos, atomic writes."""
