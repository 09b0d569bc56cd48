package io.calm.jinja;

/** A value of a template; the set of types is closed. */
sealed interface Value
    permits NoneValue,
        BoolValue,
        IntValue,
        FloatValue,
        StringValue,
        ListValue,
        TupleValue,
        DictValue,
        ViewValue,
        RangeValue,
        IteratorValue,
        UndefinedValue,
        NamespaceValue,
        SelfValue,
        FunctionValue,
        MacroValue,
        LoopValue,
        CyclerValue,
        JoinerValue {

  /** Returns the type's name in Python. */
  String type();

  /** Returns the truth value in Python. */
  boolean truth();

  /** Returns the nesting depth of values in this one; 0 for scalars. */
  default int depth() {
    return 0;
  }
}
