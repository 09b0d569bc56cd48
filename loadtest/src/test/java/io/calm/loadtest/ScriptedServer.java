package io.calm.loadtest;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** A server of completions whose text depends on the prompt alone, unless it is told to err. */
public final class ScriptedServer implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final HttpServer server;
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final AtomicInteger requests = new AtomicInteger();
  private final AtomicInteger hangUps = new AtomicInteger();
  private final int rightRequests;
  private volatile long firstEventNanos;

  private ScriptedServer(int rightRequests) throws IOException {
    this.rightRequests = rightRequests;
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(threads);
    server.createContext("/v1/completions", this::completion);
    server.createContext("/calm/metrics", ScriptedServer::metrics);
    server.start();
  }

  /** Starts a server that answers right for so many requests, and then wrong. */
  public static ScriptedServer start(int rightRequests) throws IOException {
    return new ScriptedServer(rightRequests);
  }

  public URI url() {
    return URI.create("http://127.0.0.1:" + server.getAddress().getPort());
  }

  /** Returns the clients that went away in mid-stream. */
  int hangUps() {
    return hangUps.get();
  }

  /** Returns when the last answer's first event was about to be sent. */
  long firstEventNanos() {
    return firstEventNanos;
  }

  private void completion(HttpExchange exchange) throws IOException {
    JsonNode body = JSON.readTree(exchange.getRequestBody());
    boolean right = requests.incrementAndGet() <= rightRequests;
    exchange.sendResponseHeaders(200, 0);
    try (OutputStream out = exchange.getResponseBody()) {
      out.flush();
      stream(body.get("prompt").asText(), body.get("max_tokens").asInt(), right, out);
    } catch (IOException e) {
      hangUps.incrementAndGet();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      exchange.close();
    }
  }

  private void stream(String prompt, int tokens, boolean right, OutputStream out)
      throws IOException, InterruptedException {
    TimeUnit.MILLISECONDS.sleep(2);
    firstEventNanos = System.nanoTime();
    for (int i = 0; i < tokens; i++) {
      String word = right ? " w" + Math.floorMod(prompt.hashCode() + 31 * i, 100) : " wrong";
      send("{\"choices\":[{\"text\":\"%s\",\"finish_reason\":null}]}".formatted(word), out);
      TimeUnit.MILLISECONDS.sleep(1);
    }
    send("{\"choices\":[{\"text\":\"\",\"finish_reason\":\"length\"}]}", out);
    send(
        "{\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":%d}}"
            .formatted(tokens),
        out);
    send("[DONE]", out);
  }

  private static void send(String data, OutputStream out) throws IOException {
    out.write(("data: " + data + "\n\n").getBytes(StandardCharsets.UTF_8));
    out.flush();
  }

  private static void metrics(HttpExchange exchange) throws IOException {
    byte[] text =
        """
        # TYPE calm_running_sequences gauge
        calm_running_sequences{model="m",variant="calm",} 0.0
        calm_waiting_requests{model="m",variant="calm",} 0.0
        calm_kv_blocks_used{model="m",variant="calm",} 0.0
        """
            .getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(200, text.length);
    try (OutputStream out = exchange.getResponseBody()) {
      out.write(text);
    }
  }

  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }
}
