"""Django's own sessions and accounts behind gunicorn, as its deployment checklist has it."""
