"""What `POST /v1/fixes` is measured against: two plain handlers with the same request and answer."""
