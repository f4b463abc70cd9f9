-- On a full disk a run still writes its sign of life and what it waits for, in place of what it wrote before. A page is
-- cleared of old versions when it is read, but only where less of it is free than its fill factor asks for; else the next
-- version finds no room beside the old one, and the file cannot grow. A value that is moved out of its row never does.
ALTER TABLE chainfill_run SET (fillfactor = 30);
ALTER TABLE chainfill_run ALTER COLUMN progress SET STORAGE MAIN;
ALTER TABLE chainfill_memory SET (fillfactor = 30);
ALTER TABLE chainfill_memory ALTER COLUMN value SET STORAGE MAIN;
