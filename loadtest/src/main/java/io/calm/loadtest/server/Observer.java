package io.calm.loadtest.server;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reads the server's metrics and memory. Calls block. */
public final class Observer {
  private static final Pattern RESIDENT = Pattern.compile("VmRSS:\\s+(\\d+) kB");

  private final HttpClient http =
      HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(5)).build();
  private final Optional<URI> metrics;
  private final String apiKey;
  private final OptionalLong pid;

  /**
   * Makes an observer.
   *
   * @param metrics of the server; empty where it has none
   * @param apiKey empty for none
   * @param pid of the server, where it runs on this machine; else memory is taken from the metrics
   */
  public Observer(Optional<URI> metrics, String apiKey, OptionalLong pid) {
    this.metrics = metrics;
    this.apiKey = apiKey;
    this.pid = pid;
  }

  /** Returns the metrics; empty where they cannot be had. */
  public Optional<Scrape> scrape() throws InterruptedException {
    if (metrics.isEmpty()) {
      return Optional.empty();
    }
    HttpRequest.Builder request =
        HttpRequest.newBuilder(metrics.get()).timeout(Duration.ofSeconds(10));
    if (!apiKey.isEmpty()) {
      request.header("Authorization", "Bearer " + apiKey);
    }
    try {
      HttpResponse<String> response =
          http.send(request.build(), HttpResponse.BodyHandlers.ofString());
      return response.statusCode() == 200
          ? Optional.of(Scrape.parse(response.body()))
          : Optional.empty();
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  /** Returns the memory of the server's process in RAM, in bytes; empty if it is not known. */
  public OptionalDouble residentBytes() throws InterruptedException {
    if (pid.isEmpty()) {
      return scrape()
          .map(scrape -> scrape.sum("calm_process_resident_memory_bytes"))
          .orElse(OptionalDouble.empty());
    }
    try {
      Matcher line =
          RESIDENT.matcher(Files.readString(Path.of("/proc/" + pid.getAsLong() + "/status")));
      return line.find()
          ? OptionalDouble.of(Double.parseDouble(line.group(1)) * 1024)
          : OptionalDouble.empty();
    } catch (IOException e) {
      return OptionalDouble.empty();
    }
  }
}
