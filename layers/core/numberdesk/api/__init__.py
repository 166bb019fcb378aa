"""The API: routes, what goes in and out of them, problems, and the OpenAPI document made from it all."""
