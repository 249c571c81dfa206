/** The gRPC library, as much of it as the payment backend of a mint uses: loaded by `serve --cdk` alone (`rolldown.config.ts`). */
export { loadPackageDefinition, Server, ServerCredentials } from '@grpc/grpc-js';
export { fromJSON } from '@grpc/proto-loader';
