"""A private PostgreSQL + PostGIS cluster from the machine's own binaries, run with the app.

`Cluster` is all that other modules use. It finds the programs (`binaries`), picks the account and
folders (`places`), makes the data folder once (`postmaster`) and leaves watching to `guardian`, a
small process that restarts PostgreSQL when it dies and stops it when its last user has left, however
that user left. What is inside the databases is not its business.
"""

from api.embedded.cluster import Cluster
from api.embedded.places import default_data_dir

__all__ = ["Cluster", "default_data_dir"]
