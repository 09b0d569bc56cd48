package io.calm.settings;

import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;

/**
 * A {@code calm.*} key.
 *
 * @param name e.g. {@code calm.lm-head}
 * @param defaultText the default value, as an operator would write it
 * @param allowed description of the allowed values, for people and error messages
 * @param effect the effect of a change
 * @param parser parser from text to value; returns empty if the text is not allowed
 */
public record SettingKey<T>(
    String name,
    String defaultText,
    String allowed,
    Effect effect,
    Function<String, Optional<T>> parser) {

  /** The effect of a change of a key. */
  public enum Effect {
    /** Another quantized result, and so another artifact. */
    RESULT,
    /** The same artifact, served in another way. */
    SERVING
  }

  /** Prefix of every key. */
  public static final String PREFIX = "calm.";

  /** Prefix of the spelling that DJL Serving passes to a model. */
  static final String OPTION_PREFIX = "option.calm_";

  /** Returns whether a name is that of a setting, known or not, in a spelling for properties. */
  public static boolean isProperty(String name) {
    return name.startsWith(PREFIX) || name.startsWith(OPTION_PREFIX);
  }

  /**
   * Returns the environment variable of this key, e.g. {@code OPTION_CALM_LM_HEAD}, in the spelling
   * that DJL Serving uses for model options.
   */
  public String environmentVariable() {
    return "OPTION_" + name.toUpperCase(Locale.ROOT).replace('.', '_').replace('-', '_');
  }

  /**
   * Returns the key under which DJL Serving passes the value of that variable to a model, e.g.
   * {@code option.calm_lm_head}.
   */
  public String optionKey() {
    return "option." + name.replace('.', '_').replace('-', '_');
  }

  /** Returns the value of {@code text}; empty if it is not allowed. */
  public Optional<T> parse(String text) {
    return parser.apply(text.strip());
  }

  /** Returns the default value. */
  public T defaultValue() {
    return parse(defaultText)
        .orElseThrow(() -> new IllegalStateException(name + ": its own default is not " + allowed));
  }
}
