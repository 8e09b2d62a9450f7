"""The types of the columns of the tables that an error analysis leaves: an empty table has them, too."""

import pyarrow as pa

TEXT, SHARE, COUNT, FLAG = pa.string(), pa.float64(), pa.int64(), pa.bool_()
