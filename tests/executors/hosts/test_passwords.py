"""Machines that ask for a password, and do not take keys."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import anyio
import asyncssh
import pytest
from dflow.executors import secrets
from dflow.executors.hosts import Unreachable
from dflow.executors.hosts.ssh import Login, SshHost
from dflow.executors.reaching import host_of

WORD, WRONG = "correct horse", "battery"


class Server(asyncssh.SSHServer):
    """Takes one password, in one way or the other."""

    asks = False

    def begin_auth(self, username):
        return True

    def password_auth_supported(self):
        return not self.asks

    def validate_password(self, username, password):
        return password == WORD

    def kbdint_auth_supported(self):
        return self.asks

    def get_kbdint_challenge(self, username, lang, submethods):
        return "", "", "", [("Password: ", False)]

    def validate_kbdint_response(self, username, responses):
        return responses == [WORD]


class Asking(Server):
    """Asks as one asks somebody at a keyboard."""

    asks = True


async def _run(process):
    done = await asyncio.create_subprocess_shell(process.command, stdout=-1)
    process.stdout.write((await done.communicate())[0].decode())
    process.exit(done.returncode)


@asynccontextmanager
async def _serving(kind):
    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.listen("127.0.0.1", 0, server_factory=kind, server_host_keys=[key], process_factory=_run)
    try:
        yield server.get_port()
    finally:
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize("kind", [Server, Asking])
def test_a_password_opens_the_machine(kind, tmp_path):
    async def main():
        async with _serving(kind) as port:
            host = SshHost(Login("127.0.0.1", "me", port, password=WORD, known_hosts=str(tmp_path / "known")))
            said = await host.say(["echo", "hello"], patience=10)
            await host.close()
            return said.output

    assert anyio.run(main) == "hello\n"


def test_a_wrong_one_is_said_and_not_shown(tmp_path):
    async def main():
        async with _serving(Server) as port:
            host = SshHost(Login("127.0.0.1", "me", port, password=WRONG, known_hosts=str(tmp_path / "known")))
            with pytest.raises(
                Unreachable, match=r"refuses the login: .*tried: your keys and agent and the password"
            ) as caught:
                await host.say(["true"], patience=10)
            return str(caught.value) + repr(host._login)

    assert WRONG not in anyio.run(main)


def test_what_a_script_has_given_is_found_else_what_the_environment_says(monkeypatch):
    monkeypatch.setattr(secrets, "_kept", {})
    profile = {"hostname": "far", "username": "me", "port": 22}
    assert host_of(profile, "slurm", {})._login.password is None
    monkeypatch.setenv("DFLOW_DISPATCHER_PASSWORD", WRONG)
    assert host_of(profile, "slurm", {})._login.password == WRONG
    secrets.keep("me@far:22", {"password": WORD})
    assert host_of(profile, "slurm", {})._login.password == WORD
