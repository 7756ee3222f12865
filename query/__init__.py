"""Free text, "more like this", HTTP, the web page, evaluation."""
