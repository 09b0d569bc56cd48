package io.calm.cli;

import io.calm.cli.eval.Perplexity;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The command {@code calm eval}: perplexity on a text. */
@Command(
    name = "eval",
    description = {
      "Prints the perplexity of a text: exp of the mean negative log-likelihood of every token but"
          + " the first of each of the text's first disjoint windows, with its standard error"
          + " (each window is one observation).",
      "A precision that has no finished artifact is quantized first."
    })
final class EvalCommand implements Callable<Integer> {
  @Mixin private ModelMixin model;

  @Option(names = "--text", required = true, paramLabel = "FILE", description = "UTF-8 text.")
  private Path text;

  @Option(
      names = "--precision",
      defaultValue = "calm",
      description =
          "reference, calm, or a uniform plan: rtn, gptq, awq, smoothquant, awq+gptq, ..."
              + " Default: ${DEFAULT-VALUE}.")
  private String precision;

  @Option(
      names = "--against",
      paramLabel = "PRECISION",
      description =
          "A second precision, run on the same windows: prints the paired difference as well.")
  private @Nullable String against;

  @Option(
      names = "--kv-cache",
      paramLabel = "TYPE",
      description =
          "float16 or int8, or float32: keys and values as they are computed, on the kernels in Java."
              + " Default: as calm.kv-cache says.")
  private @Nullable String kvCache;

  @Option(
      names = "--windows",
      defaultValue = "16",
      description = "Windows to run. Default: ${DEFAULT-VALUE}.")
  private int windows;

  @Option(
      names = "--length",
      defaultValue = "512",
      description = "Tokens a window. Default: ${DEFAULT-VALUE}.")
  private int length;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    String content = read(text);
    Perplexity result = measure(precision, content);
    if (against != null) {
      Perplexity other = measure(against, content);
      Perplexity.Estimate nll = result.minus(other);
      print(
          "%s against %s: NLL %+.5f +- %.5f nats per token, perplexity %+.2f %% +- %.2f %% (paired)",
          precision,
          against,
          nll.mean(),
          nll.standardError(),
          100 * Math.expm1(nll.mean()),
          100 * Math.exp(nll.mean()) * nll.standardError());
    }
    return 0;
  }

  private Perplexity measure(String name, String content) throws Exception {
    Optional<String> cache =
        Optional.ofNullable(kvCache)
            .filter(type -> against == null || !name.equals(Precision.REFERENCE));
    try (Precision.Opened opened = new Precision(name, cache).open(model)) {
      int[] tokens = opened.checkpoint().tokenizer().encode(content, false);
      List<int[]> cut =
          Perplexity.windows(tokens, windows, length, opened.checkpoint().spec().maxContext());
      Perplexity result =
          Perplexity.measure(
              opened.logits(),
              cut,
              done -> {
                spec.commandLine().getErr().printf("window %d of %d%n", done, cut.size());
                spec.commandLine().getErr().flush();
              });
      print(
          "%s: perplexity %.3f +- %.3f (mean NLL %.5f +- %.5f over %d tokens, %d windows of %d)",
          opened.variant(),
          result.value(),
          result.standardError(),
          result.nll().mean(),
          result.nll().standardError(),
          result.tokens(),
          result.windows(),
          length);
      return result;
    }
  }

  private void print(String format, Object... values) {
    spec.commandLine().getOut().println(String.format(Locale.ROOT, format, values));
    spec.commandLine().getOut().flush();
  }

  /** Reads a text; a line ends with a line feed, whatever system wrote the file. */
  private static String read(Path file) throws IOException {
    try {
      return Files.readString(file).replace("\r\n", "\n");
    } catch (CharacterCodingException e) {
      throw new IllegalArgumentException(
          "%s: expected UTF-8 text, got other bytes; convert the file".formatted(file), e);
    }
  }
}
