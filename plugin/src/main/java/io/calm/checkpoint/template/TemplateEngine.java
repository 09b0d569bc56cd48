package io.calm.checkpoint.template;

import com.hubspot.jinjava.Jinjava;
import com.hubspot.jinjava.JinjavaConfig;
import com.hubspot.jinjava.LegacyOverrides;
import com.hubspot.jinjava.interpret.Context.Library;
import com.hubspot.jinjava.interpret.RenderResult;
import com.hubspot.jinjava.interpret.TemplateError;
import com.hubspot.jinjava.interpret.TemplateError.ErrorReason;
import com.hubspot.jinjava.interpret.TemplateError.ErrorType;
import io.calm.checkpoint.CheckpointException;
import java.time.Clock;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Jinjava, set up as Hugging Face sets up Jinja2. Templates are not trusted: they reach no file, no
 * class and no method of Java, and their output and loops are limited. Thread safe.
 */
final class TemplateEngine {
  private static final long MAX_OUTPUT = 1L << 25;
  private static final int MAX_RANGE = 100_000;
  private static final int MAX_DEPTH = 64;

  private final Jinjava jinjava;

  TemplateEngine(Clock clock) {
    JinjavaConfig config =
        JinjavaConfig.newBuilder()
            .withTrimBlocks(true)
            .withNestedInterpretationEnabled(false)
            .withLegacyOverrides(
                LegacyOverrides.newBuilder()
                    .withEvaluateMapKeys(true)
                    .withIterateOverMapKeys(true)
                    .withUsePyishObjectMapper(true)
                    .withUseSnakeCasePropertyNaming(true)
                    .withUseNaturalOperatorPrecedence(true)
                    .withParseWhitespaceControlStrictly(true)
                    .withAllowAdjacentTextNodes(true)
                    .withUseTrimmingForNotesAndExpressions(true)
                    .withKeepNullableLoopValues(true)
                    .build())
            .withElResolver(new PythonResolver())
            .withDateTimeProvider(clock::millis)
            .withMaxOutputSize(MAX_OUTPUT)
            .withMaxStringLength(MAX_OUTPUT)
            .withRangeLimit(MAX_RANGE)
            .withMaxRenderDepth(MAX_DEPTH)
            .withEnableRecursiveMacroCalls(true)
            .withMaxMacroRecursionDepth(MAX_DEPTH)
            .withDisabled(
                Map.of(
                    Library.TAG, Set.of("include", "import", "from", "extends", "block"),
                    Library.FILTER, Set.of("render")))
            .build();
    jinjava = withOwnClasses(() -> new Jinjava(config));
    jinjava.setResourceLocator(
        (name, encoding, interpreter) -> {
          throw new TemplateFault("a chat template may not load " + name);
        });
    jinjava.registerTag(new BudgetedFor());
    jinjava.registerFilter(new TemplateFilters.ToJson());
    jinjava.registerFilter(new TemplateFilters.Trim());
    jinjava.registerFilter(new TemplateFilters.Items());
    jinjava.registerExpTest(new TemplateFilters.StringToo("iterable"));
    jinjava.registerExpTest(new TemplateFilters.StringToo("sequence"));
    TemplateFunctions.all().forEach(jinjava::registerFunction);
  }

  /** The one that checkpoints share; made at the first rendering. */
  static TemplateEngine shared() {
    return Shared.ENGINE;
  }

  /**
   * Renders a template that {@link TemplateSource} has adapted.
   *
   * @throws IllegalArgumentException if the template refuses, with its words
   * @throws CheckpointException if the template cannot be run
   */
  String render(String template, Map<String, ?> variables) {
    Map<String, @Nullable Object> bindings = new HashMap<>(variables);
    bindings.put(BudgetedFor.key(), BudgetedFor.budget());
    bindings.put("strftime_now", true);
    bindings.put("raise_exception", true);
    RenderResult result = withOwnClasses(() -> jinjava.renderForResult(template, bindings));
    for (TemplateError error : result.getErrors()) {
      if (error.getSeverity() == ErrorType.FATAL || error.getReason() != ErrorReason.UNKNOWN) {
        throw failure(error);
      }
    }
    return result.getOutput();
  }

  /**
   * Runs with this class's loader as the thread's: Jinjava looks its classes up there, and in a
   * plugin of DJL Serving the thread's own sees none of them.
   */
  private static <T> T withOwnClasses(Supplier<T> action) {
    Thread thread = Thread.currentThread();
    ClassLoader before = thread.getContextClassLoader();
    thread.setContextClassLoader(TemplateEngine.class.getClassLoader());
    try {
      return action.get();
    } finally {
      thread.setContextClassLoader(before);
    }
  }

  private static RuntimeException failure(TemplateError error) {
    for (Throwable cause = error.getException(); cause != null; cause = cause.getCause()) {
      if (cause instanceof TemplateFunctions.Refusal) {
        return new IllegalArgumentException(cause.getMessage());
      }
    }
    return new CheckpointException(
        "chat template, line %d: expected Jinja as Hugging Face transformers runs it, got: %s; repair the template, or send a plain prompt to a completion"
            .formatted(error.getLineno(), error.getMessage()),
        error.getException());
  }

  private static final class Shared {
    private static final TemplateEngine ENGINE = new TemplateEngine(Clock.systemUTC());
  }
}
