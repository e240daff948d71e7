"""Files and images: decoding, resizing, PNG sheets, captions, videos, atomic writes."""
