"""The server of the pages, on loopback. A request names a run, never a file."""

from __future__ import annotations

import asyncio
import errno
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web

from tau2_logging.errors import UserError
from tau2_logging.view.failure_labels import failures, save_label
from tau2_logging.view.guard import HEADERS, LABEL_PATH, refusal
from tau2_logging.view.report_pages import ReportPages
from tau2_logging.view.runs_folder import Run, RunsFolder
from tau2_logging.view.runs_page import runs_page
from tau2_logging.view.shown import run_json, runs_json

HOST = "127.0.0.1"
USUAL_PORT = 8737
TERMINATED = 143
_LARGEST_LABEL = 8_192
"""Bytes of a request."""
T = TypeVar("T")


class RunsSite:
    """The pages of a folder of logs."""

    def __init__(self, folder: RunsFolder) -> None:
        self._folder = folder
        self._reports = ReportPages()
        self._page = runs_page()
        self._looking = ThreadPoolExecutor(1, "looking")  # one at a time: each changes what it holds
        self._making = ThreadPoolExecutor(1, "making")
        self._runner: web.AppRunner | None = None

    async def open(self, port: int | None) -> int:
        """Listen and return the port: `port`, or the usual one, or a free one if that is in use. Raises UserError."""
        app = web.Application(middlewares=[_guarded], client_max_size=_LARGEST_LABEL)
        app.router.add_get("/", self._start_page)
        app.router.add_get("/api/runs", self._runs)
        app.router.add_get("/api/run", self._run)
        app.router.add_get("/api/findings", self._findings)
        app.router.add_get("/api/failures", self._failures)
        app.router.add_post(LABEL_PATH, self._label)
        app.router.add_get("/report", self._report)
        app.router.add_get("/compare", self._compare)
        app.router.add_get("/verdict", self._verdict)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        return await _listen(self._runner, port)

    async def close(self) -> None:
        """Stop listening, and remove what was made."""
        if self._runner is not None:
            await self._runner.cleanup()
        self._looking.shutdown(cancel_futures=True)
        self._making.shutdown(cancel_futures=True)
        self._reports.close()

    async def _in(self, pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(pool, work)

    async def _start_page(self, _: web.Request) -> web.Response:
        return web.Response(text=self._page, content_type="text/html", charset="utf-8")

    async def _runs(self, _: web.Request) -> web.Response:
        return web.json_response(await self._in(self._looking, self._look))

    def _look(self) -> dict[str, Any]:
        self._folder.refresh()
        return runs_json(self._folder)

    async def _run(self, request: web.Request) -> web.Response:
        return web.json_response(await self._in(self._looking, lambda: self._one(request)))

    def _one(self, request: web.Request) -> dict[str, Any]:
        self._folder.refresh()
        return run_json(self._named(request, "run"))

    async def _findings(self, request: web.Request) -> web.Response:
        run = await self._find(request, "run")
        return web.json_response(await self._in(self._making, lambda: self._reports.findings(run)))

    async def _failures(self, request: web.Request) -> web.Response:
        run = await self._find(request, "run")
        return web.json_response(await self._in(self._making, lambda: failures(run)))

    async def _label(self, request: web.Request) -> web.Response:
        run = await self._find(request, "run")
        try:
            given = await request.json()
        except ValueError:
            raise web.HTTPBadRequest(text="this is no JSON") from None
        if not isinstance(given, dict):
            raise web.HTTPBadRequest(text="give a JSON object: domain, task, trial, fault, note")
        return web.json_response(await self._in(self._making, lambda: save_label(run, given)))

    async def _report(self, request: web.Request) -> web.Response:
        run = await self._find(request, "run")
        return _html(await self._in(self._making, lambda: self._reports.report(run).read_bytes()))

    async def _compare(self, request: web.Request) -> web.Response:
        run, other = [await self._find(request, name) for name in ("run", "other")]
        return _html(await self._in(self._making, lambda: self._reports.comparison(run, other).read_bytes()))

    async def _verdict(self, request: web.Request) -> web.Response:
        run, other = [await self._find(request, name) for name in ("run", "other")]
        return _html(await self._in(self._making, lambda: self._reports.verdict(run, other).read_bytes()))

    async def _find(self, request: web.Request, parameter: str) -> Run:
        def find() -> Run:
            if request.query.get(parameter) not in self._folder.runs:
                self._folder.refresh()
            return self._named(request, parameter)

        return await self._in(self._looking, find)

    def _named(self, request: web.Request, parameter: str) -> Run:
        run = self._folder.runs.get(request.query.get(parameter, ""))
        if run is None:
            raise web.HTTPNotFound(text="no such run in this folder")
        return run


def _html(data: bytes) -> web.Response:
    return web.Response(body=data, content_type="text/html", charset="utf-8")


@web.middleware
async def _guarded(request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
    """Refuse what may not ask; say every error as plain text."""
    refused = refusal(request.method, request.path, request.headers)
    response: web.StreamResponse
    try:
        response = await handler(request) if refused is None else web.Response(status=refused[0], text=refused[1])
    except web.HTTPException as error:
        response = web.Response(status=error.status, text=error.text or error.reason)
    except UserError as error:
        response = web.Response(status=409, text=str(error))
    except Exception as error:
        response = web.Response(status=500, text=f"this page could not be made: {type(error).__name__}: {error}")
    response.headers.update(HEADERS)
    return response


async def _listen(runner: web.AppRunner, port: int | None) -> int:
    for number in (port,) if port is not None else (USUAL_PORT, 0):
        try:
            await web.TCPSite(runner, HOST, number).start()
            return int(runner.addresses[0][1])
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise UserError(f"cannot listen on {HOST}:{number}: {error.strerror}; choose another --port") from error
    raise UserError(f"port {port} is in use; choose another --port, or leave it out")


def serve(path: Path, port: int | None, show: Callable[[str], object] | None = None) -> int:
    """Show the runs of a folder until Ctrl-C (KeyboardInterrupt) or SIGTERM; the exit code of the latter. `show` is given the address."""
    folder = RunsFolder(path)
    return asyncio.run(_serve(folder, port, show))


async def _serve(folder: RunsFolder, port: int | None, show: Callable[[str], object] | None) -> int:
    site, ended = RunsSite(folder), asyncio.Event()
    try:
        with suppress(NotImplementedError):  # Windows ends a process without asking it
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
        found = await site.open(port)
        print(f"runs of {folder.path}: http://{HOST}:{found}/ (Ctrl-C ends this)", flush=True)
        if show is not None:
            show(f"http://{HOST}:{found}/")
        await ended.wait()
        return TERMINATED
    finally:
        await site.close()
