package io.calm.settings;

import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;

/**
 * One {@code calm.*} key, as data.
 *
 * @param name e.g. {@code calm.lm-head}
 * @param defaultText the value of a key that is not given, as an operator would write it
 * @param allowed the values it takes, for people and error messages
 * @param effect what a change of it changes
 * @param parser text to value; empty where the text is not allowed
 */
public record SettingKey<T>(
    String name,
    String defaultText,
    String allowed,
    Effect effect,
    Function<String, Optional<T>> parser) {

  /** What a change of a key changes. */
  public enum Effect {
    /** The quantized result: another artifact. */
    RESULT,
    /** Only how it is served. */
    SERVING
  }

  /** Every key starts so. */
  public static final String PREFIX = "calm.";

  /**
   * Returns the environment variable that sets this key, e.g. {@code OPTION_CALM_LM_HEAD}: the
   * spelling under which DJL Serving takes model options.
   */
  public String environmentVariable() {
    return "OPTION_" + name.toUpperCase(Locale.ROOT).replace('.', '_').replace('-', '_');
  }

  /**
   * Returns the key under which DJL Serving hands that variable's value to a model, e.g. {@code
   * option.calm_lm_head}.
   */
  public String optionKey() {
    return "option." + name.replace('.', '_').replace('-', '_');
  }

  /** Returns the value of {@code text}; empty where it is not allowed. */
  public Optional<T> parse(String text) {
    return parser.apply(text.strip());
  }

  /** Returns the value of a key that is not given. */
  public T defaultValue() {
    return parse(defaultText)
        .orElseThrow(() -> new IllegalStateException(name + ": its own default is not " + allowed));
  }
}
