package io.calm.checkpoint;

import com.google.gson.JsonElement;
import io.calm.testing.JsonFile;
import java.io.IOException;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/** The reference files among the test resources. */
public final class Goldens {
  private static final List<String> FAMILIES =
      List.of(
          "llama-gqa",
          "llama-sharded-f16",
          "llama3-rope-scaled",
          "mistral-sliding-window",
          "qwen2-bias",
          "qwen3-qknorm");

  private static final List<String> GGUF_FILES =
      List.of("gguf/llama-gqa.gguf", "gguf/qwen2-bias.gguf", "gguf/qwen3-qknorm.gguf");

  private Goldens() {}

  /** Returns the Hugging Face directories, one for each topology. */
  public static Stream<String> families() {
    return FAMILIES.stream();
  }

  /** Returns the Hugging Face directories and the GGUF files. */
  public static Stream<String> checkpoints() {
    return Stream.concat(families(), GGUF_FILES.stream());
  }

  /** Returns the tokens of which a family's golden has the logits. */
  public static int[] tokens(String family) throws IOException {
    return StreamSupport.stream(
            JsonFile.object(path(family).resolve("expected.json"))
                .getAsJsonArray("input_ids")
                .spliterator(),
            false)
        .mapToInt(JsonElement::getAsInt)
        .toArray();
  }

  /** Returns the path of a file or directory below {@code goldens}. */
  public static Path path(String name) {
    URL url = Goldens.class.getResource("/goldens/" + name);
    try {
      return Path.of(Objects.requireNonNull(url, name).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }
}
