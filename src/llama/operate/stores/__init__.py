"""Files on their way to stores and from them: many at once (`transfers`, the first thing to read), as `s3cmd` copied
them (`copying`), under keys that say their content (`uploading`), back by a manifest (`installing`), out of archives
(`unpacking`)."""

from __future__ import annotations
