"""The command line: one module per command, loaded only when that command runs.

Data goes to standard output, everything else to standard error. Exit codes: 0 done, 1 refused or failed, 2 wrong usage.
"""

from importlib import import_module

import click

# Command -> (module, attribute, one line of help). The help stands here so that `gateway --help` loads no command.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "serve": ("gateway.cli.serve", "serve", "Run the gateway."),
    "demo": ("gateway.cli.demo", "demo", "Run a gateway with sample data that is gone when it ends."),
    "doctor": ("gateway.cli.doctor", "doctor", "Say what is wrong with this installation."),
    "keys": ("gateway.cli.keys", "keys", "Mint, list, show, rotate and revoke keys."),
    "limits": ("gateway.cli.limits", "limits", "Show, set and remove limits."),
    "workspaces": ("gateway.cli.workspaces", "workspaces", "Make, list, change and archive workspaces."),
    "plans": ("gateway.cli.plans", "plans", "List and show plans."),
    "credits": ("gateway.cli.credits", "credits", "Buy, list and refund credits."),
    "ledger": ("gateway.cli.ledger", "ledger", "Show and verify the ledger."),
    "admin-keys": ("gateway.cli.admin_keys", "admin_keys", "Mint, list and revoke keys for the admin interface."),
    "accounts": ("gateway.cli.accounts", "accounts", "Add, list, change and remove the people who log in to the console."),
    "models": ("gateway.cli.models", "models", "Show models, where they go, and how fast they are."),
    "pool": ("gateway.cli.pool", "pool", "Show, test, drain and resume upstream keys."),
    "usage": ("gateway.cli.usage", "usage", "Show who used what."),
    "tokens": ("gateway.cli.tokens", "tokens", "Estimate the tokens of a text or request."),
    "simulate": ("gateway.cli.simulate", "simulate", "Run an upstream that only pretends."),
}


class Commands(click.Group):
    """Finds commands in the table."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in COMMANDS.items()])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sluice-gateway", message="%(version)s")
def main() -> None:
    """A self-hosted gateway that speaks the wire formats of Anthropic and OpenAI."""
