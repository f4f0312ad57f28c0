"""fastapi-users with a cookie and its tokens in a database, as its documentation puts it together."""
