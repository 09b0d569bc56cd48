package io.calm.artifact;

import com.google.gson.JsonParseException;
import io.calm.files.PrivateFiles;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The bytes of an artifact's files by kind of section.
 *
 * @param embeddings format of the embedding table
 * @param head format of the lm_head, or {@code tied}
 * @param activation rounding of activations
 * @param bytes number of bytes of each kind, without padding: {@code codes} and {@code scales} of
 *     the blocks, {@code biases}, {@code norms}, {@code embeddings}, {@code lm_head}, {@code plan},
 *     and {@code padding} between them
 */
public record ArtifactSections(
    String embeddings, String head, String activation, Map<String, Long> bytes) {
  private static final Logger logger = LoggerFactory.getLogger(ArtifactSections.class);

  public ArtifactSections {
    bytes = Collections.unmodifiableMap(new LinkedHashMap<>(bytes));
  }

  /**
   * Reads the manifest of a verified artifact; empty if its directory was deleted in the meantime.
   */
  public static Optional<ArtifactSections> read(Path directory) {
    Path file = directory.resolve(Manifest.NAME);
    try {
      String text = new String(PrivateFiles.read(file), StandardCharsets.UTF_8);
      return Optional.of(of(Json.read(text, Manifest.class)));
    } catch (IOException | JsonParseException e) {
      logger.debug("{} cannot be read: {}; sizes by kind are unknown", file, e.toString());
      return Optional.empty();
    }
  }

  private static ArtifactSections of(Manifest manifest) {
    Map<String, Long> bytes = new LinkedHashMap<>();
    for (String kind :
        new String[] {"codes", "scales", "biases", "norms", "embeddings", "lm_head", "plan"}) {
      bytes.put(kind, 0L);
    }
    long padding = 0;
    for (Manifest.DataFile file : manifest.files().values()) {
      long used = 0;
      for (Section section : file.sections()) {
        bytes.merge(kind(section.name()), section.length(), Long::sum);
        used += section.length();
      }
      padding += file.length() - used;
    }
    bytes.put("padding", padding);
    return new ArtifactSections(
        manifest.embeddings(), manifest.head(), manifest.activation().setting(), bytes);
  }

  private static String kind(String section) {
    if (section.equals(Manifest.PLAN)) {
      return "plan";
    }
    if (section.startsWith(TableSections.EMBEDDINGS)) {
      return "embeddings";
    }
    if (section.equals(TableSections.FINAL_NORM) || section.contains(".norm.")) {
      return "norms";
    }
    if (section.startsWith(TableSections.HEAD)) {
      return "lm_head";
    }
    if (section.endsWith(".bias")) {
      return "biases";
    }
    return section.endsWith(".codes") ? "codes" : "scales";
  }
}
