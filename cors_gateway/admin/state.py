"""What handlers find in the application, by key."""

from aiohttp import web

from cors_gateway.admin.explainers import Explainers
from cors_gateway.admin.history import History
from cors_gateway.server.control import Control

CONTROL = web.AppKey("control", Control)
EXPLAINERS = web.AppKey("explainers", Explainers)
HISTORY = web.AppKey("history", History)
