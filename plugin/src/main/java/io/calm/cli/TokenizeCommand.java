package io.calm.cli;

import static java.util.Objects.requireNonNull;

import io.calm.checkpoint.Tokenizer;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.files.DjlCache;
import io.calm.files.TextFile;
import io.calm.settings.CalmSettings;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The command {@code calm tokenize}: prints the token ids of a text. */
@Command(
    name = "tokenize",
    description = {
      "Prints the token ids of a text, or of standard input if no text is given.",
      "A GGUF file with a vocabulary and no weights is enough."
    })
final class TokenizeCommand implements Callable<Integer> {
  @Spec private @Nullable CommandSpec spec;

  @Mixin private final ModelArgument model = new ModelArgument();

  @ArgGroup private final Input input = new Input();

  @Option(
      names = "--add-special",
      description = "Add what the model's tokenizer puts around a text, such as its BOS.")
  private boolean addSpecial;

  @Option(names = "--json", description = "Print a JSON array instead of space-separated ids.")
  private boolean json;

  private static final class Input {
    @Option(names = "--text", paramLabel = "T", description = "The text.")
    private @Nullable String text;

    @Option(
        names = "--file",
        paramLabel = "F",
        description = "A file with the text in UTF-8; - is standard input.")
    private @Nullable Path file;

    String read() throws IOException {
      if (text != null) {
        return text;
      }
      if (file == null || file.toString().equals("-")) {
        return utf8(System.in, "standard input");
      }
      InputFile.require("--file", file);
      try (InputStream stream = Files.newInputStream(file)) {
        return utf8(stream, file.toString());
      }
    }

    private static String utf8(InputStream stream, String name) throws IOException {
      byte[] bytes = TextFile.bytes(stream, name);
      try {
        return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
      } catch (CharacterCodingException e) {
        throw new IOException(
            "%s: expected text in UTF-8, got other bytes (%s); convert it first"
                .formatted(name, e.getMessage()),
            e);
      }
    }
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    CommandLine line = requireNonNull(spec).commandLine();
    Path checkpoint = model.resolve(line.getErr()).checkpoint();
    String text = input.read();
    DjlCache.use(CalmSettings.defaults().loading().cacheDir());
    try (Tokenizer tokenizer = Checkpoints.openTokenizer(checkpoint)) {
      print(tokenizer.encode(text, addSpecial), line.getOut());
    }
    return 0;
  }

  private void print(int[] ids, PrintWriter out) {
    String separator = json ? ", " : " ";
    String list =
        Arrays.stream(ids).mapToObj(Integer::toString).collect(Collectors.joining(separator));
    out.println(json ? "[" + list + "]" : list);
    out.flush();
  }
}
