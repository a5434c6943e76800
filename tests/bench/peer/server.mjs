// The official tus server on an S3 bucket: no sign-in, no checks, no record of its own, no event.
import { S3Store } from '@tus/s3-store';
import { Server } from '@tus/server';

const { PORT, S3_ENDPOINT, S3_REGION, S3_BUCKET, S3_ACCESS_KEY, S3_SECRET_KEY } = process.env;

const datastore = new S3Store({
  // SeaweedFS keeps no tags on what is being uploaded.
  useTags: false,
  s3ClientConfig: {
    bucket: S3_BUCKET,
    endpoint: S3_ENDPOINT,
    region: S3_REGION,
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    credentials: { accessKeyId: S3_ACCESS_KEY, secretAccessKey: S3_SECRET_KEY },
  },
});

new Server({ path: '/uploads', datastore }).listen({ host: '127.0.0.1', port: Number(PORT) });
