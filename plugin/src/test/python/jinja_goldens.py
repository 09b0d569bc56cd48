"""Renders chat templates with Python's Jinja2, the reference of the package io.calm.jinja.

Usage (Python with jinja2 3.1.6 or a later 3.1):

  jinja_goldens.py write DIRECTORY   renders the templates and writes the goldens
  jinja_goldens.py check DIRECTORY   renders them and exits with 1 if a golden differs
  jinja_goldens.py verify DIRECTORY  renders them with transformers' own environment (version 5)
  jinja_goldens.py live              renders requests: one JSON object per line on standard input,
                                     {"template": text, "variables": {...}}, one outcome per line

DIRECTORY is plugin/src/test/resources/jinja:

  conversations.json      name -> variables of a rendering
  constructs/*.jinja      chat templates; each is rendered with every conversation
  features.json           small templates; each is rendered with the conversations it names, by
                          default with "values", which has variables of all types but no messages
  goldens/constructs.json outcomes: template -> conversation -> {"text"} or {"error", "message"}
  goldens/features.json   the same for the small templates

An outcome's "error" is "syntax" (the template is refused when it is compiled), "raised" (the
template called raise_exception; "message" has its words), "limit" (the recursion has no end, or a
string or list does not fit in memory) or "runtime" (any other exception).

A feature that is marked "refused" has a golden too, but the engine refuses what it does: other
templates to load, escaping of HTML, random text.
"""

import datetime
import json
import pathlib
import signal
import sys
import warnings

import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment

NOW = datetime.datetime(2026, 11, 22, 9, 5, 7)
SECONDS = 5


class Raised(jinja2.exceptions.TemplateError):
    """A template's call of raise_exception."""


class Now(datetime.datetime):
    """A clock that stands still."""

    @classmethod
    def now(cls, tz=None):
        return NOW


# The environment below repeats transformers' _compile_jinja_template
# (src/transformers/utils/chat_template_utils.py, version 5.24).


class Generation(jinja2.ext.Extension):
    """The tag pair generation/endgeneration, which marks what the assistant wrote."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        call = self.call_method("_generation_support")
        return jinja2.nodes.CallBlock(call, [], [], body).set_lineno(line)

    @jinja2.pass_eval_context
    def _generation_support(self, context, caller):
        return caller()


class TemplateDict:
    """The global dict: calls and fromkeys only."""

    def __call__(self, *args, **kwargs):
        return dict(*args, **kwargs)

    def fromkeys(self, *args, **kwargs):
        return dict.fromkeys(*args, **kwargs)


class TemplateNamespace(jinja2.utils.Namespace):
    """The global namespace, without names that start with an underscore."""

    def __init__(*args, **kwargs):
        self, args = args[0], args[1:]
        attributes = dict(*args, **kwargs)
        for name in attributes:
            TemplateNamespace._check_name(name)
        jinja2.utils.Namespace.__init__(self, attributes)

    def __setitem__(self, name, value):
        TemplateNamespace._check_name(name)
        jinja2.utils.Namespace.__setitem__(self, name, value)

    @staticmethod
    def _check_name(name):
        if isinstance(name, str) and name.startswith("_"):
            raise jinja2.exceptions.SecurityError(f"underscore-prefixed attribute {name!r}")


def raise_exception(message):
    raise Raised(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(
        x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def strftime_now(format):
    return Now.now().strftime(format)


def compile_here(template):
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
    )
    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = strftime_now
    environment.globals["dict"] = TemplateDict()
    environment.globals["namespace"] = TemplateNamespace
    return environment.from_string(template)


def compile_in_transformers(template):
    from transformers.utils import chat_template_utils

    chat_template_utils.datetime = Now
    chat_template_utils._compile_jinja_template.cache_clear()
    return chat_template_utils._compile_jinja_template(template)


def is_raised(error):
    # transformers raises TemplateError itself; every error of Jinja2 is one of its subclasses.
    return type(error) in (Raised, jinja2.exceptions.TemplateError)


def alarm(*_):
    raise TimeoutError


def render(template, variables, compile=compile_here):
    """Returns the outcome of one rendering."""
    # A copy: a template must not be able to change what the next one sees.
    variables = json.loads(json.dumps(variables))
    signal.signal(signal.SIGALRM, alarm)
    signal.alarm(SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compiled = compile(template)
    except TimeoutError:
        return {"error": "timeout"}
    except Exception as error:
        return {"error": "syntax", "why": why(error)}
    finally:
        signal.alarm(0)
    signal.alarm(SECONDS)
    try:
        return {"text": compiled.render(**variables)}
    except (TimeoutError, MemoryError):
        return {"error": "timeout"}
    except (RecursionError, OverflowError) as error:
        # OverflowError: a string or list too long for any machine; else a number out of range.
        limit = isinstance(error, RecursionError) or "index-sized" in str(error)
        return {"error": "limit" if limit else "runtime", "why": why(error)}
    except Exception as error:
        if is_raised(error):
            return {"error": "raised", "message": str(error)}
        return {"error": "runtime", "why": why(error)}
    finally:
        signal.alarm(0)


def why(error):
    return f"{type(error).__name__}: {error}"


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def templates(directory):
    """Yields (suite, template's name, text, names of its conversations)."""
    conversations = read(directory / "conversations.json")
    chats = [name for name, variables in conversations.items() if "messages" in variables]
    for path in sorted((directory / "constructs").glob("*.jinja")):
        # Not read_text: it would normalize the line ends, which the engine must do.
        yield "constructs", path.stem, path.read_bytes().decode("utf-8"), chats
    for group, cases in read(directory / "features.json").items():
        for case in cases:
            name = group + "/" + case["name"]
            yield "features", name, case["template"], case.get("on", ["values"])


def outcomes(directory, compile=compile_here):
    conversations = read(directory / "conversations.json")
    result = {"constructs": {}, "features": {}}
    for suite, name, text, on in templates(directory):
        if name in result[suite]:
            sys.exit(f"two templates are named {name}: rename one")
        result[suite][name] = {
            conversation: steady(name, conversation, render(text, conversations[conversation], compile))
            for conversation in on
        }
    return result


def steady(name, conversation, outcome):
    """Refuses an outcome that another run or another Python could not repeat."""
    text = outcome.get("text", "") + outcome.get("message", "")
    if outcome.get("error") == "timeout" or " at 0x" in text:
        sys.exit(f"{name} on {conversation} has no steady outcome: {outcome}")
    # The words of Python's errors depend on its version.
    return {key: value for key, value in outcome.items() if key != "why"}


def dump(goldens):
    """Returns JSON with one line per outcome."""
    lines = []
    for name, by_conversation in goldens.items():
        rows = ",\n".join(
            f"  {json.dumps(conversation)}: {json.dumps(outcome)}"
            for conversation, outcome in by_conversation.items()
        )
        lines.append(f" {json.dumps(name)}: {{\n{rows}\n }}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def write(directory):
    (directory / "goldens").mkdir(exist_ok=True)
    for suite, goldens in outcomes(directory).items():
        path = directory / "goldens" / f"{suite}.json"
        path.write_text(dump(goldens), encoding="utf-8")
        cases = sum(len(rows) for rows in goldens.values())
        errors = sum("error" in outcome for rows in goldens.values() for outcome in rows.values())
        print(f"{path}: {len(goldens)} templates, {cases} outcomes, {errors} of them errors")


def check(directory, compile=compile_here):
    differences = 0
    for suite, rendered in outcomes(directory, compile).items():
        goldens = read(directory / "goldens" / f"{suite}.json")
        for name in rendered.keys() | goldens.keys():
            if rendered.get(name) != goldens.get(name):
                differences += 1
                print(f"{suite} {name}: expected {goldens.get(name)}, got {rendered.get(name)}")
    sys.exit(f"{differences} templates differ" if differences else 0)


def live():
    # Constant folding makes (true)[1:] undefined, which is an error where nothing is folded. What
    # is folded depends on details of Jinja2, so random templates do without.
    jinja2.nodes.Getitem.as_const = not_constant
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(render(request["template"], request["variables"])), flush=True)


def not_constant(self, eval_ctx=None):
    raise jinja2.nodes.Impossible()


def main(command, *directory):
    if jinja2.__version__.split(".")[:2] != ["3", "1"]:
        sys.exit(f"expected jinja2 3.1, got {jinja2.__version__}: install jinja2>=3.1.6,<3.2")
    paths = [pathlib.Path(path) for path in directory]
    if command == "write":
        write(*paths)
    elif command == "check":
        check(*paths)
    elif command == "verify":
        check(*paths, compile=compile_in_transformers)
    elif command == "live":
        live()
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
