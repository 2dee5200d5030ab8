# Makes a certificate authority and a certificate that it signed for 127.0.0.1, in the current folder.
key='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'
# shellcheck disable=SC2086
{
    openssl req -x509 $key -keyout authority.key -out authority.crt -days 2 -subj /CN=authority
    openssl req $key -keyout server.key -out server.csr -subj /CN=server
}
echo subjectAltName=IP:127.0.0.1 >names
openssl x509 -req -in server.csr -CA authority.crt -CAkey authority.key -CAcreateserial \
    -days 2 -extfile names -out server.crt
