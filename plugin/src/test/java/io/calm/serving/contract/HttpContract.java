package io.calm.serving.contract;

/**
 * The contract of every server that answers with the plugin's handlers. It holds no test of its
 * own; it lists its parts. A test class implements it and starts the server.
 */
public interface HttpContract
    extends IntegrationClientContract,
        DjlSchemaContract,
        DjlParametersContract,
        OpenAiSchemaContract,
        OpenAiParametersContract,
        RequestLimitsContract,
        ConnectionContract,
        StatusContract {}
