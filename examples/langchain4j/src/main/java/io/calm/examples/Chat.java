package io.calm.examples;

import dev.langchain4j.data.message.ChatMessage;
import dev.langchain4j.data.message.SystemMessage;
import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import dev.langchain4j.model.openai.OpenAiChatModel;
import dev.langchain4j.model.openai.OpenAiStreamingChatModel;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** Chats with a CALM server through LangChain4j's OpenAI model, whole and streamed. */
public final class Chat {
  private Chat() {}

  public static void main(String[] arguments) throws Exception {
    String baseUrl = arguments.length > 0 ? arguments[0] : "http://127.0.0.1:8080/v1";
    String name = arguments.length > 1 ? arguments[1] : "calm-tiny-llama";
    String key = System.getenv().getOrDefault("CALM_API_KEY", "none");
    List<ChatMessage> messages =
        List.of(
            SystemMessage.from("You are a helpful assistant."),
            UserMessage.from("What is the capital of France?"));

    OpenAiChatModel model =
        OpenAiChatModel.builder()
            .baseUrl(baseUrl)
            .apiKey(key)
            .modelName(name)
            .temperature(0.0)
            .maxTokens(32)
            .build();
    ChatResponse answer = model.chat(messages);
    System.out.println(name + ": " + answer.aiMessage().text());
    System.out.println(
        "%d + %d tokens, finish reason %s"
            .formatted(
                answer.tokenUsage().inputTokenCount(),
                answer.tokenUsage().outputTokenCount(),
                answer.finishReason()));

    OpenAiStreamingChatModel streaming =
        OpenAiStreamingChatModel.builder()
            .baseUrl(baseUrl)
            .apiKey(key)
            .modelName(name)
            .temperature(0.0)
            .maxTokens(32)
            .build();
    System.out.print("streamed: ");
    CompletableFuture<ChatResponse> end = new CompletableFuture<>();
    streaming.chat(
        messages,
        new StreamingChatResponseHandler() {
          @Override
          public void onPartialResponse(String text) {
            System.out.print(text);
          }

          @Override
          public void onCompleteResponse(ChatResponse response) {
            end.complete(response);
          }

          @Override
          public void onError(Throwable error) {
            end.completeExceptionally(error);
          }
        });
    String streamed = end.get(5, TimeUnit.MINUTES).aiMessage().text();
    System.out.println();
    if (!streamed.equals(answer.aiMessage().text())) { // greedy answers are reproducible
      throw new IllegalStateException("streamed and whole answers differ");
    }
  }
}
