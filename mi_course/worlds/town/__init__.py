"""The world `town`: a generated text corpus in which every token carries its true labels."""
