package io.calm.serving.djl;

import io.calm.serving.LmiOptions;
import java.util.Map;

/** What of the operator's {@code option.*} keys we follow; the others are left alone. */
final class OperatorOptions {
  private OperatorOptions() {}

  static LmiOptions lmi(Map<String, String> properties) {
    return LmiOptions.of(properties);
  }
}
