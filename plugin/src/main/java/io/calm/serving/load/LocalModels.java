package io.calm.serving.load;

import io.calm.serving.model.LmiOptions;
import io.calm.serving.reply.ApiException;
import io.calm.settings.ModelProperties;
import io.calm.settings.SettingKey;
import io.calm.text.Printable;
import io.calm.text.Urls;
import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/** Finds models on this machine: Hugging Face directories and .gguf files. Downloads nothing. */
public final class LocalModels {
  /** A scheme of at least two letters; a single letter is a drive. */
  private static final Pattern SCHEME = Pattern.compile("^[A-Za-z][A-Za-z0-9+.-]+:.*");

  private static final Pattern FILE = Pattern.compile("file:", Pattern.CASE_INSENSITIVE);

  /** Maximum length of a path in a message. */
  private static final int MAX_PATH = 1000;

  private final Map<String, String> environment;
  private final Map<String, String> defaults;

  public LocalModels(Map<String, String> environment) {
    this(environment, Map.of());
  }

  /**
   * @param defaults settings of the operator for all models; those of a model's files and of its
   *     registration take precedence, and they take precedence over the environment
   */
  public LocalModels(Map<String, String> environment, Map<String, String> defaults) {
    this.environment = Map.copyOf(environment);
    this.defaults = Map.copyOf(defaults);
  }

  /**
   * Returns the order to load a model.
   *
   * @param name name in URLs
   * @param url a local path or a {@code file:} URL
   * @param overrides properties that take precedence over those of the model's files
   * @throws ApiException if the URL is not local, or the file does not exist
   * @throws io.calm.settings.SettingsException if a setting cannot be used
   * @throws IOException if a properties file cannot be read
   */
  public ModelLoader.Order find(String name, String url, Map<String, String> overrides)
      throws IOException {
    Path path = path(url);
    ModelProperties file = ModelProperties.read(path);
    ModelProperties own = new ModelProperties(file.directory(), overrides).over(file);
    own.refuseServerKeys();
    Path checkpoint = Files.isDirectory(path) ? own.checkpoint() : path;
    if (!Files.exists(checkpoint)) {
      throw missing("option.model_id", checkpoint.toString());
    }
    ModelProperties properties = own.over(defaults);
    return new ModelLoader.Order(
        name,
        url,
        checkpoint,
        properties.settings(environment),
        LmiOptions.of(properties.values()),
        true);
  }

  /**
   * Returns the file or directory that a URL names.
   *
   * @throws ApiException if the URL is not local (400), or the file does not exist (404)
   */
  public static Path path(String url) {
    Path path;
    try {
      path = SCHEME.matcher(url).matches() ? ofUrl(new URI(url)) : Path.of(url);
    } catch (URISyntaxException e) {
      throw malformed(url, "%s at index %d".formatted(e.getReason(), e.getIndex()));
    } catch (InvalidPathException e) {
      throw malformed(url, e.getReason());
    }
    if (!Files.exists(path)) {
      throw missing("url", path.toString());
    }
    return path.toAbsolutePath().normalize();
  }

  /** Returns the error of a URL or path that cannot be read. */
  private static ApiException malformed(String url, String reason) {
    String shown = Printable.of(Urls.withoutSecrets(url));
    return ApiException.invalid(
        "url",
        FILE.matcher(url).lookingAt()
            ? "%s is not a valid file: URL: %s; write a space as %%20 (in a query as %%2520), or give the path without file:"
                .formatted(shown, reason.toLowerCase(Locale.ROOT))
            : "expected a local path or a file: URL, got " + shown);
  }

  private static Path ofUrl(URI url) {
    if (!"file".equalsIgnoreCase(url.getScheme()) || url.getPath() == null) {
      throw ApiException.invalid(
          "url",
          "expected a local path or a file: URL, got %s; this server downloads nothing: fetch the"
                  .formatted(Printable.of(Urls.withoutSecrets(url.toString())))
              + " model first");
    }
    String host = url.getAuthority();
    if (host != null && !host.equalsIgnoreCase("localhost")) {
      throw ApiException.invalid(
          "url",
          "expected a file of this machine, got %s; begin the URL with file:///"
              .formatted(Printable.of(Urls.withoutSecrets(url.toString()))));
    }
    return Path.of(url.getPath());
  }

  private static ApiException missing(String key, String path) {
    return new ApiException(
        ApiException.Kind.UNKNOWN_MODEL,
        ("%s: expected a Hugging Face directory or a .gguf file on this machine, there is nothing"
                + " at %s")
            .formatted(key, Printable.of(path, MAX_PATH)),
        Optional.of(key));
  }

  /**
   * Returns whether a parameter of a registration is a setting, which {@link #find} validates:
   * {@code calm.x-y} or {@code option.calm_x_y}.
   */
  public static boolean isSetting(String key) {
    return SettingKey.isProperty(key);
  }

  /**
   * Returns the name of a model that is registered without one, as DJL Serving infers it: the last
   * part of the URL without its extension, with {@code _} for every character but letters, digits
   * and {@code _}. Unlike that name, it has nothing of a user, a password or a query: names are
   * shown in logs, metrics and answers.
   */
  public static String name(String url) {
    String path = Urls.place(url);
    boolean directory = path.endsWith("/");
    String trimmed = directory ? path.substring(0, path.length() - 1) : path;
    String last = trimmed.substring(trimmed.lastIndexOf('/') + 1);
    int dot = last.lastIndexOf('.');
    String stem = directory || dot <= 0 ? last : last.substring(0, dot);
    return stem.replaceAll("(\\W|^_)", "_");
  }
}
