"""Tables, their migrations and who may write: all that knows a database engine. Imports no other room."""
