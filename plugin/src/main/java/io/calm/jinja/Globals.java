package io.calm.jinja;

import io.calm.jinja.Arguments.Bound;
import java.util.Map;

/** The global functions of Jinja2, and those that transformers adds. */
final class Globals {
  private static final Map<String, Value> ALL =
      Map.of(
          "range", new FunctionValue("range", Globals::range),
          "dict", new FunctionValue("dict", DictMethods::dict),
          "namespace", new FunctionValue("namespace", Globals::namespace),
          "cycler", new FunctionValue("cycler", Globals::cycler),
          "joiner", new FunctionValue("joiner", Globals::joiner),
          "lipsum", new FunctionValue("lipsum", Globals::lipsum),
          "raise_exception", new FunctionValue("raise_exception", Globals::raise),
          "strftime_now", new FunctionValue("strftime_now", Globals::now));

  private Globals() {}

  static Map<String, Value> all() {
    return ALL;
  }

  private static Value range(Engine engine, Arguments arguments) {
    Bound bound = arguments.bind("range", "start stop? step?");
    return bound.has(1)
        ? new RangeValue(bound.number(0), bound.number(1), bound.number(2, 1))
        : new RangeValue(0, bound.number(0), 1);
  }

  private static Value namespace(Engine engine, Arguments arguments) {
    NamespaceValue namespace = new NamespaceValue();
    for (DictValue.Entry entry : DictMethods.dict(engine, arguments).entries()) {
      namespace.set(engine.text(entry.key()), entry.value());
    }
    return namespace;
  }

  private static Value cycler(Engine engine, Arguments arguments) {
    if (!arguments.named().isEmpty()) {
      throw Fault.error("cycler() takes no keyword arguments");
    }
    return new CyclerValue(arguments.positional());
  }

  private static Value joiner(Engine engine, Arguments arguments) {
    return new JoinerValue(arguments.bind("joiner", "sep?").or(0, new StringValue(", ")));
  }

  private static Value lipsum(Engine engine, Arguments arguments) {
    throw Fault.error("lipsum() makes random text and is not available");
  }

  private static Value raise(Engine engine, Arguments arguments) {
    throw Fault.raised(engine.text(arguments.bind("raise_exception", "message").get(0)));
  }

  private static Value now(Engine engine, Arguments arguments) {
    String format = arguments.bind("strftime_now", "format").text(0);
    return engine
        .budget()
        .string(
            Strftime.format(
                engine.budget(),
                format,
                engine.clock().instant().atZone(engine.clock().getZone())));
  }
}
