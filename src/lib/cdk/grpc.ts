/** Parts of the gRPC library, loaded by `serve --cdk` alone (`rolldown.config.ts`). */
export { loadPackageDefinition, Server, ServerCredentials } from '@grpc/grpc-js';
export { fromJSON } from '@grpc/proto-loader';
