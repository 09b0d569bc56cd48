package io.calm.jinja;

/** A value of a template; the set is closed. */
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

  /** Returns Python's name of the type. */
  String type();

  /** Returns Python's truth of the value. */
  boolean truth();

  /** Returns how deep values nest in this one; 0 for what holds none. */
  default int depth() {
    return 0;
  }
}
