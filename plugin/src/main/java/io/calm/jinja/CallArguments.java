package io.calm.jinja;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The argument expressions of a call.
 *
 * @param positional arguments by position
 * @param names names of the named arguments
 * @param named values of the named arguments
 * @param more {@code *args}, or null
 * @param moreNamed {@code **kwargs}, or null
 */
record CallArguments(
    List<Expr> positional,
    List<String> names,
    List<Expr> named,
    @Nullable Expr more,
    @Nullable Expr moreNamed) {
  static final CallArguments NONE = new CallArguments(List.of(), List.of(), List.of(), null, null);

  List<Expr> all() {
    List<Expr> all = new ArrayList<>(positional);
    all.addAll(named);
    if (more != null) {
      all.add(more);
    }
    if (moreNamed != null) {
      all.add(moreNamed);
    }
    return all;
  }
}
