"""What a class's marks become: tables, pages, a database, and sheets for other systems."""
