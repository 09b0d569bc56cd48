package io.calm.checkpoint.template;

import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import com.hubspot.jinjava.lib.fn.ELFunctionDefinition;
import java.time.Instant;
import java.time.ZoneId;
import java.util.List;

/** The functions that Hugging Face adds to Jinja's. Static and public, as Jinjava calls them. */
public final class TemplateFunctions {
  private TemplateFunctions() {}

  /** A template's own refusal of a conversation. */
  static final class Refusal extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Refusal(String message) {
      super(message, null, false, false);
    }
  }

  static List<ELFunctionDefinition> all() {
    return List.of(
        new ELFunctionDefinition(
            "", "raise_exception", TemplateFunctions.class, "raiseException", Object.class),
        new ELFunctionDefinition(
            "", "strftime_now", TemplateFunctions.class, "strftimeNow", String.class));
  }

  /** Ends the rendering with a template's message. */
  public static Object raiseException(Object message) {
    throw new Refusal(String.valueOf(message));
  }

  /** Returns the current local time in a format of Python's. */
  public static String strftimeNow(String format) {
    long now =
        JinjavaInterpreter.getCurrent().getConfig().getDateTimeProvider().getCurrentTimeMillis();
    return Strftime.format(format, Instant.ofEpochMilli(now).atZone(ZoneId.systemDefault()));
  }
}
