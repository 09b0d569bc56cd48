package io.calm.jinja;

import io.calm.jinja.Arguments.Bound;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Predicate;

/** Jinja2's tests by name; the value is the first argument. */
final class Tests {
  private static final Map<String, FunctionValue.Body> ALL = new HashMap<>();

  static {
    type("defined", value -> !(value instanceof UndefinedValue));
    type("undefined", UndefinedValue.class::isInstance);
    type("none", value -> value == NoneValue.NONE);
    type("boolean", BoolValue.class::isInstance);
    type("true", value -> value == BoolValue.TRUE);
    type("false", value -> value == BoolValue.FALSE);
    type("integer", IntValue.class::isInstance);
    type("float", FloatValue.class::isInstance);
    type("number", Comparisons::isNumber);
    type("string", StringValue.class::isInstance);
    type("mapping", DictValue.class::isInstance);
    type("callable", Tests::isCallable);
    type("escaped", value -> value instanceof StringValue string && string.markup());
    ALL.put(
        "sequence",
        (engine, arguments) ->
            BoolValue.of(isSequence(arguments.bind("sequence", "value").get(0))));
    ALL.put(
        "iterable",
        (engine, arguments) ->
            BoolValue.of(isIterable(engine.budget(), arguments.bind("iterable", "value").get(0))));
    ALL.put("lower", text("lower", StringClasses::isLower));
    ALL.put("upper", text("upper", StringClasses::isUpper));
    ALL.put("filter", named("filter", Filters::has));
    ALL.put("test", named("test", Tests::has));
    ALL.put("sameas", Tests::sameAs);
    ALL.put("odd", (engine, arguments) -> remainder(engine, arguments, "odd"));
    ALL.put("even", (engine, arguments) -> remainder(engine, arguments, "even"));
    ALL.put("divisibleby", (engine, arguments) -> remainder(engine, arguments, "divisibleby"));
    comparison(Expr.Comparison.EQUAL, "==", "eq", "equalto");
    comparison(Expr.Comparison.NOT_EQUAL, "!=", "ne");
    comparison(Expr.Comparison.LESS, "<", "lt", "lessthan");
    comparison(Expr.Comparison.LESS_OR_EQUAL, "<=", "le");
    comparison(Expr.Comparison.GREATER, ">", "gt", "greaterthan");
    comparison(Expr.Comparison.GREATER_OR_EQUAL, ">=", "ge");
    comparison(Expr.Comparison.IN, "in");
  }

  private Tests() {}

  static boolean has(String name) {
    return ALL.containsKey(name);
  }

  /**
   * Returns a test.
   *
   * @throws Fault if no test has the name
   */
  static FunctionValue.Body get(String name) {
    FunctionValue.Body test = ALL.get(name);
    if (test == null) {
      throw Fault.error("No test named %s.", Repr.quote(name));
    }
    return test;
  }

  private static void type(String name, Predicate<Value> test) {
    ALL.put(
        name, (engine, arguments) -> BoolValue.of(test.test(arguments.bind(name, "value").get(0))));
  }

  private static FunctionValue.Body text(String name, Predicate<String> test) {
    return (engine, arguments) -> {
      String text = engine.text(arguments.bind(name, "value").get(0));
      engine.budget().scan(text.length());
      return BoolValue.of(test.test(text));
    };
  }

  private static FunctionValue.Body named(String name, Predicate<String> test) {
    return (engine, arguments) ->
        BoolValue.of(
            arguments.bind(name, "value").get(0) instanceof StringValue string
                && test.test(string.text()));
  }

  private static void comparison(Expr.Comparison operator, String... names) {
    for (String name : names) {
      ALL.put(
          name,
          (engine, arguments) -> {
            Bound bound = arguments.bind(name, "a b");
            return BoolValue.of(
                Comparisons.holds(engine.budget(), operator, bound.get(0), bound.get(1)));
          });
    }
  }

  /** Evaluates the tests {@code odd}, {@code even} and {@code divisibleby}. */
  private static Value remainder(Engine engine, Arguments arguments, String name) {
    boolean parity = !name.equals("divisibleby");
    Bound bound = arguments.bind(name, parity ? "value" : "value num");
    Value divisor = parity ? IntValue.of(2) : bound.get(1);
    Value rest = Arithmetic.binary(engine, Expr.Operator.REMAINDER, bound.get(0), divisor);
    Value expected = IntValue.of(name.equals("odd") ? 1 : 0);
    return BoolValue.of(Comparisons.equal(engine.budget(), rest, expected));
  }

  private static boolean isCallable(Value value) {
    return value instanceof FunctionValue
        || value instanceof MacroValue
        || value instanceof LoopValue
        || value instanceof JoinerValue
        || value instanceof UndefinedValue;
  }

  private static boolean isSequence(Value value) {
    return value instanceof StringValue
        || value instanceof ListValue
        || value instanceof TupleValue
        || value instanceof DictValue
        || value instanceof RangeValue
        || value instanceof UndefinedValue;
  }

  private static boolean isIterable(Budget budget, Value value) {
    return value instanceof LoopValue || Iteration.possible(budget, value);
  }

  private static Value sameAs(Engine engine, Arguments arguments) {
    Bound bound = arguments.bind("sameas", "value other");
    Value a = bound.get(0);
    Value b = bound.get(1);
    boolean scalar =
        a.type().equals(b.type()) && (a instanceof IntValue || a instanceof StringValue);
    return BoolValue.of(a == b || (scalar && Comparisons.equal(engine.budget(), a, b)));
  }
}
