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
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A server of completions, chats and DJL's schema whose text depends on the prompt alone, unless it
 * is told to err.
 */
public final class ScriptedServer implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final HttpServer server;
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final AtomicInteger requests = new AtomicInteger();
  private final AtomicInteger hangUps = new AtomicInteger();
  private final Set<String> authorizations = ConcurrentHashMap.newKeySet();
  private final int rightRequests;
  private volatile long firstEventNanos;

  private ScriptedServer(int rightRequests) throws IOException {
    this.rightRequests = rightRequests;
    server =
        HttpServer.create(
            new InetSocketAddress(InetAddress.getByAddress(new byte[] {127, 0, 0, 1}), 0), 0);
    server.setExecutor(threads);
    server.createContext("/v1/completions", exchange -> answer(exchange, Form.COMPLETION));
    server.createContext("/v1/chat/completions", exchange -> answer(exchange, Form.CHAT));
    server.createContext("/invocations", exchange -> answer(exchange, Form.DJL));
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

  /** A schema: where a request has its prompt and length, and what an answer's events are. */
  private enum Form {
    COMPLETION(
        "/prompt",
        "/max_tokens",
        "data: {'choices':[{'text':'%s','finish_reason':null}]}\n\n",
        "data: {'choices':[{'text':'','finish_reason':'length'}]}\n\n"),
    CHAT(
        "/messages/0/content",
        "/max_tokens",
        "data: {'choices':[{'delta':{'content':'%s'},'finish_reason':null}]}\n\n",
        "data: {'choices':[{'delta':{},'finish_reason':'length'}]}\n\n"),
    DJL("/inputs", "/parameters/max_new_tokens", "{'token':{'text':'%s'}}\n", "");

    private final String prompt;
    private final String maxTokens;
    private final String token;
    private final String last;

    Form(String prompt, String maxTokens, String token, String last) {
      this.prompt = prompt;
      this.maxTokens = maxTokens;
      this.token = token.replace('\'', '"');
      this.last = last.replace('\'', '"');
    }

    /** Returns what follows the last token. */
    String end(String text, int tokens) {
      return this == DJL
          ? "{\"generated_text\":\"%s\",\"details\":{\"finish_reason\":\"length\",\"generated_tokens\":%d}}\n"
              .formatted(text, tokens)
          : last
              + "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":%d}}\n\n"
                  .formatted(tokens)
              + "data: [DONE]\n\n";
    }
  }

  /** Returns what the requests had as {@code Authorization}: {@code none} where it was missing. */
  public Set<String> authorizations() {
    return Set.copyOf(authorizations);
  }

  /** Returns the clients that went away in mid-stream. */
  int hangUps() {
    return hangUps.get();
  }

  /** Returns when the last answer's first event was about to be sent. */
  long firstEventNanos() {
    return firstEventNanos;
  }

  private void answer(HttpExchange exchange, Form form) throws IOException {
    authorizations.add(
        Optional.ofNullable(exchange.getRequestHeaders().getFirst("Authorization")).orElse("none"));
    JsonNode body = JSON.readTree(exchange.getRequestBody());
    boolean right = requests.incrementAndGet() <= rightRequests;
    exchange.sendResponseHeaders(200, 0);
    try (OutputStream out = exchange.getResponseBody()) {
      out.flush();
      stream(form, body.at(form.prompt).asText(), body.at(form.maxTokens).asInt(), right, out);
    } catch (IOException e) {
      hangUps.incrementAndGet();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      exchange.close();
    }
  }

  private void stream(Form form, String prompt, int tokens, boolean right, OutputStream out)
      throws IOException, InterruptedException {
    TimeUnit.MILLISECONDS.sleep(2);
    firstEventNanos = System.nanoTime();
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < tokens; i++) {
      String word = right ? " w" + Math.floorMod(prompt.hashCode() + 31 * i, 100) : " wrong";
      text.append(word);
      send(form.token.formatted(word), out);
      TimeUnit.MILLISECONDS.sleep(1);
    }
    send(form.end(text.toString(), tokens), out);
  }

  private static void send(String events, OutputStream out) throws IOException {
    out.write(events.getBytes(StandardCharsets.UTF_8));
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
