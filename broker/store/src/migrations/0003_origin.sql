-- From which address the broker last saw a PC: those behind one address may be neighbours.
ALTER TABLE device ADD COLUMN origin TEXT;
